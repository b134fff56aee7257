// What of an agent's configuration the protocol can tell it: the session's mode, its model and how long it thinks.

import { z } from 'zod'
import { FatalError } from '../../../errors.ts'
import type { SandboxMode } from '../talking.ts'
import { configAnswer, type ConfigOption, type SessionAnswer } from './messages.ts'

/**
 * The protocol gives modes no meaning, so they are known by the names that agents give them: in the order in which they are looked for.
 * An agent that asks (`default`) is answered by the rules of the sandbox; `read-only` and `auto` are sandboxes of Codex.
 */
const modes: Record<SandboxMode, string[]> = {
  'read-only': ['read-only', 'default'],
  'workspace-write': ['default', 'auto'],
  'danger-full-access': ['bypassPermissions', 'full-access', 'yolo'],
}

export interface Settings {
  sandbox: SandboxMode
  model: string | null
  effort: string | null
}

type Ask = <T>(method: string, params: object, answer: z.ZodType<T>) => Promise<T>

/**
 * What the agent does not offer to choose is left as it is. Answers the model that it says it has then; null where it says none. Throws
 * FatalError `not-offered` for a value that is not among its own.
 */
export async function applySettings(
  ask: Ask,
  sessionId: string,
  { configOptions, modes: offered, models }: SessionAnswer,
  settings: Settings,
): Promise<string | null> {
  let options = configOptions ?? []
  /** Agents need not sort what they offer into categories. */
  const find = (...names: string[]) => options.find(({ id, category }) => names.includes(category ?? id))

  async function choose({ id, currentValue }: ConfigOption, value: string): Promise<void> {
    if (currentValue === value) return
    // The levels of thinking depend on the model: what may be chosen is told anew.
    options = (await ask('session/set_config_option', { sessionId, configId: id, value }, configAnswer)).configOptions
  }

  async function demand(what: string, category: string, value: string | null): Promise<void> {
    const option = find(category)
    if (value === null || option === undefined) return
    const values = option.options.map((one) => one.value)
    if (!values.includes(value)) {
      throw new FatalError('not-offered', `The agent offers no ${what} '${value}', but ${values.map((one) => `'${one}'`).join(', ')}.`)
    }
    await choose(option, value)
  }

  async function enterMode(): Promise<void> {
    const option = find('mode')
    const known = option?.options.map(({ value }) => value) ?? offered?.availableModes.map(({ id }) => id) ?? []
    const mode = modes[settings.sandbox].find((one) => known.includes(one))
    if (mode === undefined) return
    if (option !== undefined) await choose(option, mode)
    else if (offered?.currentModeId !== mode) await ask('session/set_mode', { sessionId, modeId: mode }, z.unknown())
  }

  await demand('model', 'model', settings.model)
  await demand('effort', 'thought_level', settings.effort)
  await enterMode()
  const model = find('model')?.currentValue
  return typeof model === 'string' ? model : (models?.currentModelId ?? null)
}
