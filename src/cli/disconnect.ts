// disconnect: the end of what connect has begun; the workspace's tokens are given back to Linear and forgotten.

import { createInterface } from 'node:readline/promises'
import { FatalError } from '../errors.ts'
import { type Command, type Context, wrongUse } from './command.ts'
import { exit } from './exit.ts'

export const command: Command = {
  name: 'disconnect',
  summary: 'Give the tokens of a workspace of Linear back and forget them.',
  arguments: [
    { name: 'PROVIDER', description: 'linear' },
    { name: 'WORKSPACE', optional: true, description: 'Its name or its address; the only one when left out' },
  ],
  flags: { yes: { description: 'Do not ask' } },
  json: '{ provider, workspace, revoked } (revoked is false where Linear had taken the tokens back before)',
  examples: ['signalbox disconnect linear', 'signalbox disconnect linear acme --yes'],
  run: async (context) => {
    const provider = context.required('PROVIDER')
    if (provider !== 'linear')
      throw wrongUse(
        'invalid-argument',
        `PROVIDER is linear, not ${provider}: a GitHub App is uninstalled at GitHub, a token is deleted there.`,
      )
    const workspace = context.value('WORKSPACE')
    await confirm(context, workspace ?? 'the workspace of Linear')
    const answer = (await context
      .client()
      .post('/api/disconnections', { provider, ...(workspace === undefined ? {} : { workspace }) })) as {
      workspace: { name: string }
      revoked: boolean
    }
    const { name } = answer.workspace
    context.output.line(
      answer.revoked
        ? `${name} is disconnected: its tokens were given back to Linear and forgotten.`
        : `${name} is disconnected: Linear had taken its tokens back before, and they were forgotten.`,
    )
    context.output.note('Its issues wait until `signalbox connect linear`.')
    context.output.document({ provider, ...answer })
    return exit.done
  },
}

/** Where nobody can be asked, the command itself is the answer only with --yes. */
async function confirm(context: Context, what: string): Promise<void> {
  if (context.has('yes')) return
  const canAsk = process.stdin.isTTY === true && process.stderr.isTTY === true && context.output.interactive
  if (!canAsk)
    throw wrongUse('missing-argument', `--yes is missing: nothing more is said or read in ${what} until somebody connects it again.`)
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const said = await lines.question(`Nothing more is said or read in ${what} until somebody connects it again. Disconnect? [y/N] `)
  lines.close()
  if (!/^y(es)?$/i.test(said.trim())) throw new FatalError('not-confirmed', 'Nothing was done.')
}
