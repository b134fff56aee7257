// Linear refuses by mistake as well: a refusal from which something would follow is heard twice before it is believed.

import { FatalError } from '../../../errors.ts'

/** Whether Linear has refused with `code`. */
export const isRefusal = (error: unknown, code: 'linear-not-found' | 'linear-forbidden'): boolean =>
  error instanceof FatalError && error.code === code

/** Does `work`, and does it once more where Linear refuses it with `code`. Throws what the last attempt does. */
export async function doubted<T>(code: 'linear-not-found' | 'linear-forbidden', work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isRefusal(error, code)) throw error
    return work()
  }
}
