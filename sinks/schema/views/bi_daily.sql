-- Daily figures from the cells the stream sinks; a member's cells, one a partition, are added up. Members that no
-- reference names have their titles.
SELECT
  day, dimension, member_id,
  if(dimension IN ('district', 'channel', 'category'), transform(member_id, {members}, {titles}), name) AS member_name,
  n AS reviews,
  n1 AS rating_1, n2 AS rating_2, n3 AS rating_3, n4 AS rating_4, n5 AS rating_5,
  nb AS bad, if(n = 0, 0, nb / n) AS bad_rate, nt AS three_match, nc AS commented, nh AS hidden_negative
FROM
(
  SELECT
    day, dimension, member_id,
    argMax(member_name, if(member_name = '', 0, version + 1)) AS name,
    sum(reviews) AS n,
    sum(rating_1) AS n1, sum(rating_2) AS n2, sum(rating_3) AS n3, sum(rating_4) AS n4, sum(rating_5) AS n5,
    sum(bad) AS nb, sum(three_match) AS nt, sum(commented) AS nc, sum(hidden_negative) AS nh
  FROM daily_cells FINAL
  GROUP BY day, dimension, member_id
)
