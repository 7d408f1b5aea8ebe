-- One row an accepted review, as in reviews.enriched.
SELECT
  review_id, day, occurred_at, received_at, rating, channel,
  window_id, staff_id, service_id, case_no, comment, tags, reviewer_key,
  window_name, hall_id, hall_name, department_id, department_name, staff_name, service_name,
  matched_window, matched_staff, matched_service, three_match, bad, categories, cause, hidden_negative
FROM reviews FINAL
