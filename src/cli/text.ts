// How documents read for people: times, state values, who is waited for.

import type { IssueDocument } from '../app.ts'
import { oneLine } from './output.ts'

/** `3 min ago`, `in 20 s`; the plain time when it is more than two days away. */
export function relative(iso: string | null, now = Date.now()): string {
  if (iso === null) return 'never'
  const difference = now - Date.parse(iso)
  if (Number.isNaN(difference)) return oneLine(iso)
  const size = Math.abs(difference)
  if (size > 48 * 3_600_000) return iso.replace('T', ' ').replace(/\.\d+Z$/, 'Z')
  const amount = spanOf(size)
  if (size < 1_000) return 'now'
  return difference > 0 ? `${amount} ago` : `in ${amount}`
}

export function spanOf(ms: number): string {
  if (ms < 60_000) return `${Math.round(ms / 1_000)} s`
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`
  return `${Math.floor(ms / 3_600_000)} h ${Math.floor((ms % 3_600_000) / 60_000)} min`
}

/** `14:03:22.120` of today, with the date otherwise. */
export function clockOf(iso: string | number, now = new Date()): string {
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return String(iso)
  const two = (value: number): string => String(value).padStart(2, '0')
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`
  if (at.toDateString() === now.toDateString()) return time
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`
}

/** A state value on one line: `lifecycle.delegated run.idle`. */
export function valueText(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value !== 'object') return String(value)
  return Object.entries(value)
    .flatMap(([key, inner]) =>
      valueText(inner)
        .split(' ')
        .map((part) => (part === '' ? key : `${key}.${part}`)),
    )
    .join(' ')
}

/** `human: which port should it use? (3 min)` */
export function waitText(wait: IssueDocument['waitsFor'][number]): string {
  const until = wait.until === null ? '' : `, until ${relative(wait.until)}`
  return `${wait.party}: ${oneLine(wait.reason)} (since ${relative(wait.since)}${until})`
}
