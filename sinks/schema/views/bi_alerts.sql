-- Latest state of each alert.
SELECT
  alert_id, kind, severity, state, resolution, raised_at, resolved_at, detected_at,
  department_id, department_name, hall_id, hall_name, window_id, staff_id, staff_name, service_id, service_name,
  case_id, category, count, window_days, review_ids, same_service, same_hall, cause, title, title_en, version
FROM alerts FINAL
