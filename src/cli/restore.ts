// restore FILE: puts a backup in the place of the database, with no server running.

import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { reasonOf } from '../config-values.ts'
import { makeDataFolder } from '../config.ts'
import { type Command, wrongUse } from './command.ts'
import { exit } from './exit.ts'

export const command: Command = {
  name: 'restore',
  summary: 'Put a backup in the place of the database; no server may be running.',
  arguments: [{ name: 'FILE', description: 'What `signalbox backup` wrote' }],
  json: '{ database, replaced }',
  examples: ['signalbox restore signalbox-2026-05-01.db'],
  run: async (context) => {
    const file = resolve(context.cwd, context.required('FILE'))
    const config = context.config()
    try {
      if (!statSync(file).isFile()) throw wrongUse('invalid-argument', `FILE: ${file} is not a file.`)
    } catch (error) {
      if ((error as { code?: string }).code === 'invalid-argument') throw error
      throw wrongUse('invalid-argument', `FILE: ${reasonOf(error, file)}.`)
    }
    makeDataFolder(config)
    const { restoreDatabase } = await import('../persistence/backup.ts')
    const replaced = restoreDatabase(config.store.path, file, new Date())
    context.output.line(`${config.store.path} is now what ${file} holds.`)
    if (replaced !== null) context.output.line(`The one before is kept as ${replaced}.`)
    context.output.document({ database: config.store.path, replaced })
    return exit.done
  },
}
