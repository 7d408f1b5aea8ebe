// What the pipeline's names are called: [Chinese, English]. An unknown name is shown as it is.

const CATEGORIES = {
  attitude: ["态度差", "attitude"],
  obstruct: ["刁难推诿", "obstruction"],
  unskilled: ["业务不熟", "unskilled"],
  slow: ["办理速度慢", "slow handling"],
  queue: ["排队时间长", "long queue"],
  calling: ["叫号不合理", "calling of numbers"],
  understaffed: ["人员不足", "understaffed"],
  not_informed: ["告知不清", "not informed"],
  repeat_visit: ["多次跑", "repeat visits"],
  materials: ["材料繁多", "paperwork"],
  system: ["系统故障", "system failure"],
  facility: ["环境设施", "facilities"],
  fees: ["收费", "fees"],
  experience: ["体验差", "experience"],
};

const KINDS = {
  repeat_staff: ["同一人员再次被差评", "same person again"],
  repeat_category: ["同类差评复发", "same kind again"],
  trend: ["全区趋势", "district trend"],
  callback_overdue: ["回访逾期", "callback overdue"],
  rectify_overdue: ["整改逾期", "rectification overdue"],
  callback_due_soon: ["回访即将到期", "callback due soon"],
  rectify_due_soon: ["整改即将到期", "rectification due soon"],
};

const SEVERITIES = { critical: ["严重", "critical"], warning: ["警告", "warning"], info: ["提醒", "reminder"] };

const CAUSES = {
  conduct: ["人员服务", "conduct"],
  process: ["流程问题", "process"],
  mixed: ["人员与流程", "mixed"],
};

const RESOLUTIONS = {
  handled: ["已办结", "handled"],
  dismissed: ["核实不成立", "dismissed"],
  done: ["已完成", "done"],
  done_late: ["逾期后完成", "done late"],
  met_in_time: ["实为按时", "met in time"],
  extended: ["已延期", "extended"],
  overdue: ["已逾期", "became overdue"],
  week_over: ["该周已结束", "week over"],
  revised: ["已修正", "revised"],
};

const VIEWS = {
  bi_daily: ["每日评价", "bi_daily"],
  bi_alerts: ["预警", "bi_alerts"],
  bi_cases: ["差评办理", "bi_cases"],
  bi_timeliness: ["按期率", "bi_timeliness"],
  bi_recurrence: ["复发率", "bi_recurrence"],
  bi_category_trend: ["每周趋势", "bi_category_trend"],
};

const RATINGS = { 1: ["非常不满意", "very dissatisfied"], 2: ["不满意", "dissatisfied"] };

const CHANNELS = {
  window: ["窗口", "window"],
  web: ["网站", "web"],
  app: ["移动端", "app"],
  kiosk: ["自助终端", "kiosk"],
  hotline: ["12345 热线", "hotline"],
  sms: ["短信", "text message"],
  qr: ["扫码", "QR code"],
};

const lookup = (table) => (name) => table[name] ?? [String(name ?? ""), ""];

export const category = lookup(CATEGORIES);
export const kind = lookup(KINDS);
export const severity = lookup(SEVERITIES);
export const cause = lookup(CAUSES);
export const resolution = lookup(RESOLUTIONS);
export const view = lookup(VIEWS);
export const rating = lookup(RATINGS);
export const channel = lookup(CHANNELS);

/** Where a case or alert belongs, most telling part first. Names where there are any, else ids. */
export const place = (row) =>
  [row.hall_name || row.hall_id || row.department_name || row.department_id, row.window_name || row.window_id].filter(Boolean);
