// backup FILE: a consistent copy of the live database.

import { existsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { FatalError } from '../errors.ts'
import { type Command, wrongUse } from './command.ts'
import { exit } from './exit.ts'

export const command: Command = {
  name: 'backup',
  summary: 'Copy the live database, consistently, to a file.',
  arguments: [{ name: 'FILE', description: 'The file to write; it must not exist' }],
  flags: { force: { description: 'Replace the file if it exists' } },
  json: '{ file, bytes }',
  examples: ['signalbox backup signalbox-$(date +%F).db'],
  run: async (context) => {
    const file = resolve(context.cwd, context.required('FILE'))
    const { store, dataFolder } = context.config()
    if (!existsSync(store.path)) throw new FatalError('no-database', `There is no database yet at ${store.path}: nothing to back up.`)
    if (!existsSync(dirname(file))) throw wrongUse('invalid-argument', `FILE: the folder ${dirname(file)} does not exist.`)
    if (file === store.path) throw wrongUse('invalid-argument', 'FILE is the database itself.')
    if (existsSync(file) && !context.has('force'))
      throw new FatalError('file-exists', `${file} exists. Name another file, or replace it with --force.`)
    const { backupDatabase } = await import('../persistence/backup.ts')
    await backupDatabase(store.path, file)
    const bytes = statSync(file).size
    context.output.line(`${file}: ${bytes} bytes`)
    context.output.document({ file, bytes })
    context.output.note(`The bare repositories in ${dataFolder}/repos are not in it; copy them as well if their branches matter.`)
    return exit.done
  },
}
