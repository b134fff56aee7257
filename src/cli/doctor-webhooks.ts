// Doctor: whether what providers tell by webhook arrives. What the server has taken and refused, and whether the public address leads to it.

import { existsSync } from 'node:fs'
import type { Config } from '../config.ts'
import { toErrorData } from '../errors.ts'
import { openDatabase } from '../persistence/database.ts'
import { describeDeliveries } from '../persistence/deliveries.ts'
import { type Finding, pass, warn } from './doctor.ts'
import { relative } from './text.ts'
import { askDoors, type Problem, putAsideOf, refusalsOf } from './webhooks.ts'

/** How to make a provider tell something. */
const tests: Record<string, string> = {
  github:
    "comment on a pull request, or redeliver one in the App's settings, under Advanced (with a token: of the repository, under Webhooks)",
  linear: 'change an issue of a team that the application has access to',
}

/** Milliseconds. */
const patience = 5_000

export async function checkWebhooks(config: Config): Promise<Finding[]> {
  const { webhooks, forge, tracker, server } = config
  // Without a secret the door is shut, which is said where the secrets are looked at.
  const providers = [
    ...(tracker.kind === 'linear' && tracker.webhookSecret !== null ? ['linear'] : []),
    ...(forge.kind === 'github' && forge.webhookSecret !== null ? ['github'] : []),
  ]
  if (!webhooks || providers.length === 0) return []
  const doors = await askDoors(config, patience)
  const findings: Finding[] = []
  for (const provider of providers) {
    const door = doors?.find((one) => one.provider === provider)
    if (door?.open === false) {
      const again = 'Start it again: it was started without a secret, or with webhooks set to false.'
      findings.push(warn(`${provider} webhooks`, 'the server that runs takes none', again))
      continue
    }
    findings.push(...checkDoor(provider, door ?? { refused: [], ...storedOf(config, provider) }, doors !== null))
    if (door !== undefined && server.publicUrl !== null) findings.push(await checkPublicUrl(`${server.publicUrl}/webhooks/${provider}`))
  }
  return findings
}

/** By what is stored, where no server can be asked. */
function storedOf({ store }: Config, provider: string): ReturnType<typeof describeDeliveries> {
  if (!existsSync(store.path)) return { lastAt: null, putAside: null }
  const database = openDatabase(store.path, { readOnly: true })
  try {
    return describeDeliveries(database, provider)
  } finally {
    database.close()
  }
}

function checkDoor(
  provider: string,
  door: Parameters<typeof refusalsOf>[0] & Parameters<typeof putAsideOf>[0],
  isRunning: boolean,
): Finding[] {
  const check = `${provider} webhooks`
  const toFinding = ({ message, remedy }: Problem): Finding => warn(check, message, remedy)
  const refused = refusalsOf(door).map(toFinding)
  const aside = putAsideOf(door).map(toFinding)
  if (refused.length > 0) return [...refused, ...aside]
  if (door.lastAt !== null) return [pass(check, `the last one came ${relative(door.lastAt)}`), ...aside]
  const start = isRunning ? '' : 'Start the server (`signalbox start`). '
  const how = `${start}To see whether they arrive: ${tests[provider]!}, and run \`signalbox doctor\` again.`
  return [warn(check, 'none has come yet: neither the address nor the secret is known to be right', how), ...aside]
}

/** From outside it may look different: some routers do not lead back into the network that asks. */
async function checkPublicUrl(url: string): Promise<Finding> {
  const check = 'public address'
  const passOn = 'Let the proxy pass /webhooks on to the server as it is, or correct server.publicUrl.'
  try {
    // Whoever asks in this way is told, without a secret, that it has to be posted.
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(patience) })
    const text = await response.text()
    if (response.status === 405 && text.includes('"method-not-allowed"')) return pass(check, `${url} leads to a Signalbox`)
    return warn(check, `${url} does not lead to Signalbox: it answers with status ${response.status}`, passOn)
  } catch (error) {
    const isLate = (error as Error).name === 'TimeoutError'
    const why = isLate ? `no answer within ${patience / 1_000} s` : reasonOf(error)
    return warn(
      check,
      `${url} could not be reached from here: ${why}`,
      `Ask it from outside (curl -i ${url} has to say 405): some networks do not let their own network in by its public address. If it fails there as well, mend its name, firewall, certificate or proxy.`,
    )
  }
}

/** What fetch says is "fetch failed"; the reason is below. */
function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: string } }
  return cause?.code ?? toErrorData(cause ?? error).message
}
