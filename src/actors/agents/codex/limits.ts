// What is known of the limits of a Codex account. An update has one of them, and of that what is new: what is null has not been told.

import type { CodexLimits, CodexWindow } from './messages.ts'

/** The one that an account has always had; it may be told without its name. */
const usual = 'codex'

const idOf = ({ limitId }: CodexLimits): string => limitId ?? usual

const join = (before: CodexWindow | null | undefined, told: CodexWindow | null | undefined): CodexWindow | null | undefined =>
  told == null ? before : { ...told, resetsAt: told.resetsAt ?? before?.resetsAt }

/** With an update; the limit that was told of last comes first. */
export function withUpdate(known: readonly CodexLimits[], told: CodexLimits): CodexLimits[] {
  const before = known.find((one) => idOf(one) === idOf(told))
  const joined = { limitId: idOf(told), primary: join(before?.primary, told.primary), secondary: join(before?.secondary, told.secondary) }
  return [joined, ...known.filter((one) => one !== before)]
}

/** Epoch ms: when the last of the used-up windows opens again, of the limit that was told of last among those that are used up. */
export function resetOf(known: readonly CodexLimits[], now: number): number | null {
  for (const { primary, secondary } of known) {
    const used = [primary, secondary].filter((window) => window != null && window.usedPercent >= 100)
    const resets = used.flatMap((window) => (window?.resetsAt == null ? [] : [window.resetsAt * 1_000])).filter((at) => at > now)
    if (resets.length > 0) return Math.max(...resets)
  }
  return null
}
