/** When a snooze can end, in this browser's time zone. */

export interface SnoozeTime {
  name: 'hour' | 'evening' | 'tomorrow' | 'monday' | 'twoWeeks'
  at: Date
}

export const MORNING = 9
const EVENING = 18
const MONDAY = 1

export function snoozeTimes(now: Date): SnoozeTime[] {
  const at = (days: number, hour: number) =>
    new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour)
  const daysToMonday = (MONDAY - now.getDay() + 7) % 7 || 7
  const times: SnoozeTime[] = [{ name: 'hour', at: new Date(now.getTime() + 3_600_000) }]
  // Not if it is the same as in an hour.
  if (now.getHours() < EVENING - 1) times.push({ name: 'evening', at: at(0, EVENING) })
  times.push({ name: 'tomorrow', at: at(1, MORNING) })
  // On Sundays, tomorrow is Monday.
  if (daysToMonday > 1) times.push({ name: 'monday', at: at(daysToMonday, MORNING) })
  times.push({ name: 'twoWeeks', at: at(14, MORNING) })
  return times
}

/** As a field for date and time has it. */
export function fieldValue(date: Date): string {
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000)
  return local.toISOString().slice(0, 16)
}

/** Moves a date by some months: to the same day, or the last one of a month that has fewer. */
export function addMonths(date: Date, count: number): void {
  const day = date.getDate()
  date.setMonth(date.getMonth() + count)
  // What a month does not have is in the next one.
  if (date.getDate() !== day) date.setDate(0)
}
