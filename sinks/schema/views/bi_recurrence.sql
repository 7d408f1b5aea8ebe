-- 复发率: bad reviews whose hall had another of that category within the repeat window before. In a sorted list of times
-- that is so exactly where the one before is near enough. Dismissed reviews count for nothing.
SELECT
  month, hall_id, name AS hall_name, category, count() AS bad, sum(again) AS recurrences,
  sum(again) / count() AS recurrence_rate
FROM
(
  SELECT place AS hall_id, name, category, toStartOfMonth(toDateTime(intDiv(time, 1000000), '{zone}')) AS month, again
  FROM
  (
    SELECT
      place, category, argMax(hall, micros) AS name,
      arraySort(groupArray(micros)) AS times,
      arrayPushFront(arrayPopBack(times), -({window_days} + 1) * 86400000000) AS befores,  -- the first has none near enough
      arrayMap((t, before) -> t - before <= {window_days} * 86400000000, times, befores) AS agains
    FROM
    (
      SELECT
        assumeNotNull(hall_id) AS place, ifNull(hall_name, '') AS hall, category,
        toUnixTimestamp64Micro(occurred_at) AS micros
      FROM reviews FINAL
      ARRAY JOIN categories AS category
      WHERE bad = 1 AND hall_id IS NOT NULL
        AND review_id NOT IN (SELECT case_id FROM cases FINAL WHERE state = 'dismissed')
    )
    GROUP BY place, category
  )
  ARRAY JOIN times AS time, agains AS again
)
GROUP BY month, hall_id, name, category
