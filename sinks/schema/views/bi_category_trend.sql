-- Categories by week (its Monday): share of the week's bad reviews, the mean of the 8 weeks before, and how improbable
-- so many are against it (Poisson upper tail). Dismissed reviews count for nothing.
SELECT
  week, category, n AS bad, n / total AS share, mean AS expected,
  if(n = 0, 1, if(mean = 0, 0, greatest(0, 1 - arraySum(k -> exp(k * log(mean) - mean - lgamma(k + 1)), range(toUInt32(n)))))) AS p
FROM
(
  SELECT category, week, n, mean
  FROM
  (
    SELECT
      category,
      groupArray(monday) AS weeks,
      groupArray(amount) AS amounts,
      arrayMap(w -> arraySum((v, a) -> if(v < w AND v >= w - 56, a, 0), weeks, amounts) / 8, weeks) AS means
    FROM
    (
      SELECT category, toMonday(day) AS monday, count() AS amount
      FROM reviews FINAL
      ARRAY JOIN categories AS category
      WHERE bad = 1 AND review_id NOT IN (SELECT case_id FROM cases FINAL WHERE state = 'dismissed')
      GROUP BY category, monday
    )
    GROUP BY category
  )
  ARRAY JOIN weeks AS week, amounts AS n, means AS mean
) AS weekly
ANY LEFT JOIN
(
  SELECT toMonday(day) AS week, count() AS total
  FROM reviews FINAL
  WHERE bad = 1 AND review_id NOT IN (SELECT case_id FROM cases FINAL WHERE state = 'dismissed')
  GROUP BY week
) AS totals
USING (week)
