// Numbers as people read them.

const WHOLE = new Intl.NumberFormat("zh-CN");

export const whole = (number) => WHOLE.format(number);

/** A share as a percentage that does not hide a few in a hundred thousand; “—” for a share of nothing. */
export function percent(part, total) {
  if (!total) return "—";
  const value = (part / total) * 100;
  if (value === 0 || value === 100) return `${value}%`;
  if (value > 99.9) return `${Math.floor(value * 100) / 100}%`; // 99.996 is not 100
  if (value < 0.1) return `${value.toFixed(3)}%`;
  return `${value.toFixed(value < 1 ? 2 : 1)}%`;
}

export const sum = (rows, field) => rows.reduce((total, row) => total + Number(row[field] ?? 0), 0);
