// submit TITLE: files an issue in the embedded tracker and delegates it.

import type { Submission } from '../app.ts'
import type { Config } from '../config.ts'
import { type Command, type Context, wrongUse } from './command.ts'
import { exit } from './exit.ts'
import { fileText } from './input.ts'

export const command: Command = {
  name: 'submit',
  summary: 'File an issue and hand it to the agents; prints its key.',
  arguments: [{ name: 'TITLE', description: 'What should be done, in one line of at most 500 characters; the rest goes into the body' }],
  flags: {
    body: { value: 'TEXT', description: 'The description, in Markdown' },
    'body-file': { value: 'F', description: 'Read the description from a file; `-` is standard input' },
    project: { value: 'ID', description: 'The project; may be left out when there is only one' },
    label: { value: 'L', multiple: true, description: 'A label' },
    'blocked-by': { value: 'KEY', multiple: true, description: 'An issue that has to be done first' },
    parent: { value: 'KEY', description: 'The issue that this one is a part of' },
    priority: { value: 'N', choices: ['0', '1', '2', '3', '4'], description: '0 none, 1 urgent … 4 low' },
    'pull-request': { value: 'N', description: 'Go on with this pull request, which no open issue has' },
    branch: { value: 'NAME', description: 'Go on with this branch of the repository' },
    hold: { description: 'File it only; `signalbox delegate KEY` hands it over later' },
  },
  json: '{ key, url }',
  examples: [
    'signalbox submit "Add a --quiet flag" --body-file issue.md --label cli',
    'signalbox submit "Use it in the installer" --blocked-by APP-1',
    'signalbox submit "See my branch through" --branch my-fix',
  ],
  run: async (context) => {
    const submission = await toSubmission(context)
    const filed = (await context.client().post('/api/issues', submission)) as { key: string; url?: string }
    context.output.line(filed.key)
    context.output.document({ key: filed.key, url: filed.url ?? null })
    return exit.done
  },
}

async function toSubmission(context: Context): Promise<Submission> {
  const title = context.required('TITLE')
  if (title.trim() === '') throw wrongUse('missing-argument', 'TITLE is empty: an issue needs a title.')
  if (context.has('body') && context.has('body-file'))
    throw wrongUse('invalid-argument', '--body and --body-file exclude each other: give one of them.')
  const bodyFile = context.value('body-file')
  const body = bodyFile === undefined ? context.value('body') : await fileText(bodyFile, context.cwd, 'body-file')
  const submission: Submission = { title }
  if (body !== undefined) submission.body = body
  const project = context.value('project')
  if (project !== undefined) submission.project = project
  const parent = context.value('parent')
  if (parent !== undefined) submission.parent = parent
  const priority = context.value('priority')
  if (priority !== undefined) submission.priority = Number(priority)
  if (context.has('label')) submission.labels = context.values('label')
  if (context.has('blocked-by')) submission.blockedBy = context.values('blocked-by')
  const [number, branch] = [context.value('pull-request'), context.value('branch')]
  if (number !== undefined && branch !== undefined)
    throw wrongUse('invalid-argument', '--pull-request and --branch exclude each other: give one of them.')
  if (number !== undefined && !/^#?[1-9]\d{0,8}$/.test(number))
    throw wrongUse('invalid-argument', `--pull-request must be the number of a pull request, not "${number}".`)
  if (number !== undefined) submission.links = [number]
  if (branch !== undefined) submission.links = [`branch:${branch}`]
  if (context.has('hold')) submission.hold = true
  if (project === undefined) assertOneProject(context.config())
  return submission
}

function assertOneProject({ projects }: Config): void {
  if (projects.length === 1) return
  const ids = projects.map(({ id }) => id).join(', ')
  throw wrongUse('missing-argument', `There are several projects: say which with --project ID. Configured are: ${ids}.`)
}
