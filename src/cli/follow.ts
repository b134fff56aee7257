// Looks again and again at a database that another process writes: what every --follow does.

import { setTimeout as wait } from 'node:timers/promises'

/** Calls `look` four times a second until it answers an exit code. */
export async function follow(look: () => number | undefined): Promise<number> {
  for (;;) {
    const code = look()
    if (code !== undefined) return code
    await wait(250)
  }
}
