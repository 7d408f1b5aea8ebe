-- Latest state of each case, and whether it held: relapsed = a new bad review of the same staff member with a category
-- in common within the repeat window after rectification; clean_days = whole days until then, or until the newest review.
-- Where nobody is known to have been at the window, neither can be told.
SELECT
  case_id, opened_at, callback_due, rectify_due, called_back_at, rectified_at, replied_at, dismissed_at, extended_at,
  state, callback_on_time, rectify_on_time, occurred_at, channel,
  window_id, window_name, hall_id, hall_name, department_id, department_name,
  staff_id, staff_name, service_id, service_name, rating, categories, cause, comment, measure,
  if(rectified_at IS NULL OR staff_id IS NULL, NULL, ifNull(relapse, 0) > 0) AS relapsed,
  if(rectified_at IS NULL OR staff_id IS NULL, NULL, least(
    {window_days},
    intDiv(greatest(0, if(ifNull(relapse, 0) = 0, newest, relapse) - assumeNotNull(toUnixTimestamp64Micro(rectified_at))), 86400000000)
  )) AS clean_days,
  version
FROM
(
  SELECT *, (SELECT max(toUnixTimestamp64Micro(occurred_at)) FROM reviews) AS newest FROM cases FINAL
) AS latest
ANY LEFT JOIN
(
  SELECT case_id, min(again_at) AS relapse
  FROM
  (
    SELECT case_id, staff_id, categories AS first_categories, assumeNotNull(toUnixTimestamp64Micro(rectified_at)) AS done_at
    FROM cases FINAL
    WHERE rectified_at IS NOT NULL AND staff_id IS NOT NULL
  ) AS rectified
  ALL INNER JOIN
  (
    SELECT case_id AS again_id, staff_id, categories AS again_categories, toUnixTimestamp64Micro(occurred_at) AS again_at
    FROM cases FINAL
    WHERE state != 'dismissed' AND staff_id IS NOT NULL
  ) AS later
  USING (staff_id)
  WHERE again_id != case_id AND again_at > done_at AND again_at <= done_at + {window_days} * 86400000000
    AND hasAny(first_categories, again_categories)
  GROUP BY case_id
) AS relapses
USING (case_id)
