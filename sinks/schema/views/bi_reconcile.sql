-- Facts against aggregates, day by day: the difference is 0 once the pipeline is idle.
SELECT day, f AS facts, a AS aggregates, toInt64(f) - toInt64(a) AS difference
FROM
(
  SELECT day, sum(fact) AS f, sum(counted) AS a
  FROM
  (
    SELECT day, count() AS fact, toUInt64(0) AS counted FROM reviews FINAL GROUP BY day
    UNION ALL
    SELECT day, toUInt64(0) AS fact, sum(reviews) AS counted FROM daily_cells FINAL WHERE dimension = 'district' GROUP BY day
  )
  GROUP BY day
)
