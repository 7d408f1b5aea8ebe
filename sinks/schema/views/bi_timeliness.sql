-- “1、5” by month of opening and department. Dismissed cases count for nothing; a rate is of the cases decided so far.
SELECT
  month, department_id, name AS department_name, n AS cases, nd AS dismissed,
  called AS called_back_on_time, if(called_decided = 0, NULL, called / called_decided) AS callback_rate,
  rectified AS rectified_on_time, if(rectified_decided = 0, NULL, rectified / rectified_decided) AS rectify_rate
FROM
(
  SELECT
    toStartOfMonth(opened_at) AS month,
    ifNull(cases.department_id, '') AS department_id,
    ifNull(argMax(department_name, opened_at), '') AS name,
    count() AS n,
    countIf(state = 'dismissed') AS nd,
    countIf(state != 'dismissed' AND ifNull(callback_on_time, 0) = 1) AS called,
    countIf(state != 'dismissed' AND callback_on_time IS NOT NULL) AS called_decided,
    countIf(state != 'dismissed' AND ifNull(rectify_on_time, 0) = 1) AS rectified,
    countIf(state != 'dismissed' AND rectify_on_time IS NOT NULL) AS rectified_decided
  FROM cases FINAL
  GROUP BY month, department_id
)
