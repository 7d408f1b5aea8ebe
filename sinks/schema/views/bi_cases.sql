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
  -- By staff member and category, reviews have places by time. One rectified after n of them relapsed at place n + 1,
  -- or at n + 2 where that is its own review: so no two reviews need be compared.
  SELECT case_id, min(again_at) AS relapse
  FROM
  (
    SELECT staff_id, category, moment.3 AS case_id, moment.1 AS done_at, arrayJoin([n + 1, n + 2]) AS place
    FROM
    (
      SELECT
        staff_id, category,
        arraySort(groupArray((at, done, id))) AS moments,  -- at one instant the review comes first: it is not after
        arrayCumSum(each -> each.2 = 0, moments) AS numbers
      FROM
      (
        SELECT staff_id, category, toUnixTimestamp64Micro(occurred_at) AS at, 0 AS done, case_id AS id
        FROM cases FINAL
        ARRAY JOIN categories AS category
        WHERE state != 'dismissed' AND staff_id IS NOT NULL
        UNION ALL
        SELECT staff_id, category, assumeNotNull(toUnixTimestamp64Micro(rectified_at)) AS at, 1 AS done, case_id AS id
        FROM cases FINAL
        ARRAY JOIN categories AS category
        WHERE rectified_at IS NOT NULL AND staff_id IS NOT NULL
      )
      GROUP BY staff_id, category
    )
    ARRAY JOIN moments AS moment, numbers AS n
    WHERE moment.2 = 1
  ) AS rectified
  ALL INNER JOIN
  (
    SELECT staff_id, category, review.1 AS again_at, review.2 AS again_id, toUInt64(nth) AS place
    FROM
    (
      SELECT staff_id, category, arraySort(groupArray((toUnixTimestamp64Micro(occurred_at), case_id))) AS reviews
      FROM cases FINAL
      ARRAY JOIN categories AS category
      WHERE state != 'dismissed' AND staff_id IS NOT NULL
      GROUP BY staff_id, category
    )
    ARRAY JOIN reviews AS review, arrayEnumerate(reviews) AS nth
  ) AS later
  USING (staff_id, category, place)
  WHERE again_id != case_id AND again_at <= done_at + {window_days} * 86400000000
  GROUP BY case_id
) AS relapses
USING (case_id)
