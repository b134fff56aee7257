// Makes something at Linear under an id of ours: made before, with the answer lost, it is not made again.

import { FatalError } from '../../../errors.ts'
import type { CallOptions, LinearCalls } from './client.ts'
import type { Operation } from './documents/operation.ts'

/** How a kind of thing is made, and how it is looked for. */
export interface Making {
  create: Operation<unknown>
  find: Operation<unknown>
}

/** Throws what a call does. Linear does not document how it refuses an id that is there, so it is asked whether it is. */
export async function createOnce(
  calls: LinearCalls,
  workspace: string,
  { create, find }: Making,
  input: { id: string; [field: string]: unknown },
  options: CallOptions,
): Promise<void> {
  try {
    await calls.call(workspace, create, { input }, options)
  } catch (error) {
    if (!(error instanceof FatalError) || error.code !== 'linear-refused') throw error
    try {
      await calls.call(workspace, find, { id: input.id }, options)
    } catch (absent) {
      throw absent instanceof FatalError ? error : absent
    }
  }
}
