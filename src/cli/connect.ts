// connect: lets us into a workspace of Linear, which a person does once; says where a GitHub App or token is let in, and what to do.

import { setTimeout as wait } from 'node:timers/promises'
import { FatalError } from '../errors.ts'
import { openInBrowser } from './browser.ts'
import { type Command, type Context, wrongUse } from './command.ts'
import { exit } from './exit.ts'
import { oneLine } from './output.ts'

type Standing = { status: 'pending' } | { status: 'done'; workspace: { id: string; name: string } } | { status: 'failed'; reason: string }

const providers = ['linear', 'github']

export const command: Command = {
  name: 'connect',
  summary: 'Let Signalbox into a workspace of Linear, or see where GitHub lets it in.',
  arguments: [{ name: 'PROVIDER', description: 'linear or github' }],
  flags: {
    'no-open': { description: 'Only print the address' },
    'no-wait': { description: 'Do not wait until it is done (of Linear)' },
  },
  json: '{ provider, url, workspace } (workspace is null with --no-wait); of GitHub { provider, kind, name, url, installations, projects }',
  examples: ['signalbox connect linear', 'signalbox connect github --no-open'],
  run: async (context) => {
    const provider = context.required('PROVIDER')
    if (!providers.includes(provider)) throw wrongUse('invalid-argument', `PROVIDER is linear or github, not ${provider}.`)
    if (provider === 'github') return connectGithub(context)
    const client = context.client()
    const { url, state } = (await client.post('/api/connections', { provider })) as { url: string; state: string }
    context.output.line(url)
    context.output.note('Open this address, as someone who may let an application in there.')
    if (context.output.interactive && !context.has('no-open')) openInBrowser(url)
    let workspace: { id: string; name: string } | null = null
    if (!context.has('no-wait')) {
      context.output.note('Waiting until it is done …')
      workspace = await untilDone(async () => {
        const query = new URLSearchParams({ provider, state })
        return (await client.get(`/api/connections?${query.toString()}`)) as Standing
      })
      context.output.note(`Connected: ${workspace.name}.`)
    }
    context.output.document({ provider, url, workspace })
    return exit.done
  },
}

/** Asks GitHub itself: no server has to be there before anybody has let us in. */
async function connectGithub(context: Context): Promise<number> {
  const { forge, projects } = context.config()
  if (forge.kind !== 'github')
    throw new FatalError('nothing-to-connect', 'There is nothing to connect with github in this configuration: its forge is another.')
  const { findAdmittance } = await import('../actors/forge/github.ts')
  const admittance = await findAdmittance(forge, projects, { now: Date.now })
  const { kind, name, url, installations, projects: found } = admittance
  const { output } = context
  output.document({ provider: 'github', ...admittance })
  output.line(
    kind === 'app'
      ? `${name} is a GitHub App${installations.length === 0 ? ', installed nowhere.' : ', installed here:'}`
      : `The token is ${name}'s.`,
  )
  for (const { account, repositories, suspended, missing, url: page } of installations) {
    const faults = [...(suspended ? ['suspended'] : []), ...missing.map((permission) => `lacks ${permission}`)].join(', ')
    output.line(`  ${account}: ${repositories} repositories${faults === '' ? '' : `, ${faults}`} (${page})`)
  }
  for (const { project, repository, connected, reason } of found)
    output.line(connected ? `PASS  ${project}: ${repository}` : `FAIL  ${project}: ${oneLine(reason!)}`)
  const isOut = found.some(({ connected, installation }) => !connected && installation === null)
  if (url !== null && isOut) {
    output.line(url)
    output.note('Open this address as somebody who may install it where these repositories are, and look again.')
    if (output.interactive && !context.has('no-open')) openInBrowser(url)
  }
  return found.every(({ connected }) => connected) ? exit.done : exit.attention
}

/** The server gives an attempt up by itself. */
async function untilDone(ask: () => Promise<Standing>): Promise<{ id: string; name: string }> {
  for (;;) {
    const standing = await ask()
    if (standing.status === 'done') return standing.workspace
    if (standing.status === 'failed') throw new FatalError('not-connected', standing.reason)
    await wait(1_000)
  }
}
