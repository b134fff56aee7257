// connect: the one-time authorisation of a workspace of Linear, or of the installation of a GitHub App.

import { setTimeout as wait } from 'node:timers/promises'
import { FatalError } from '../errors.ts'
import { openInBrowser } from './browser.ts'
import { type Command, wrongUse } from './command.ts'
import { exit } from './exit.ts'

type Standing = { status: 'pending' } | { status: 'done'; workspace: { id: string; name: string } } | { status: 'failed'; reason: string }

const providers = ['linear', 'github']

export const command: Command = {
  name: 'connect',
  summary: 'Let Signalbox into a workspace of Linear, or find the installation of a GitHub App.',
  arguments: [{ name: 'PROVIDER', description: 'linear or github' }],
  flags: {
    'no-open': { description: 'Only print the address' },
    'no-wait': { description: 'Do not wait until it is done' },
  },
  json: '{ provider, url, workspace } (workspace is null with --no-wait)',
  examples: ['signalbox connect linear', 'signalbox connect github --no-open'],
  run: async (context) => {
    const provider = context.required('PROVIDER')
    if (!providers.includes(provider)) throw wrongUse('invalid-argument', `PROVIDER is linear or github, not ${provider}.`)
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

/** The server gives an attempt up by itself. */
async function untilDone(ask: () => Promise<Standing>): Promise<{ id: string; name: string }> {
  for (;;) {
    const standing = await ask()
    if (standing.status === 'done') return standing.workspace
    if (standing.status === 'failed') throw new FatalError('not-connected', standing.reason)
    await wait(1_000)
  }
}
