// inspect: the address of the page, with a link that signs in once.

import { openInBrowser } from './browser.ts'
import type { Command } from './command.ts'
import { exit } from './exit.ts'

export const command: Command = {
  name: 'inspect',
  summary: 'Print (and on a terminal open) the address of the page that shows everything live.',
  flags: { 'no-open': { description: 'Only print it' } },
  json: '{ url }',
  examples: ['signalbox inspect', 'signalbox inspect --no-open'],
  run: async (context) => {
    const client = context.client()
    const { url } = (await client.post('/api/session-links', {})) as { url: string }
    context.output.line(url)
    context.output.document({ url })
    context.output.note('The link signs in once, within a few minutes.')
    if (context.output.interactive && !context.has('no-open')) openInBrowser(url)
    return exit.done
  },
}
