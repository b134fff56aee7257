// An agent as people write them, for the kind `command`: a loop around a model, which reads its prompt from a file and writes its result
// into one. Plain JavaScript, for any Node.

import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const env = (name) => process.env[name]
const folder = process.cwd()
const finish = (result) => {
  writeFileSync(env('SIGNALBOX_RESULT_FILE'), JSON.stringify(result))
  process.exit(0)
}

/** Prints while it runs, and answers the end of what was printed. */
function shell(command) {
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        process.stdout.write(chunk)
        output = (output + chunk).slice(-10_000)
      })
    child.once('close', () => resolve(output))
  })
}

const tools = {
  Bash: ({ command }) => {
    console.log(`$ ${command}`)
    return shell(command)
  },
  Write: ({ file_path, content }) => {
    const path = join(folder, file_path.replace(folder, ''))
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
    console.log(`wrote ${file_path}`)
    return 'written'
  },
}

/** The provider's kinds of refusal, as Signalbox calls them. */
const classes = { 401: 'auth', 403: 'auth', 429: 'capacity', 529: 'capacity', 503: 'capacity', 500: 'environment' }

const messages = [{ role: 'user', content: `${readFileSync(env('SIGNALBOX_PROMPT_FILE'), 'utf8')}\n<folder>${folder}</folder>` }]
for (;;) {
  const response = await fetch(`${env('MODEL_URL')}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': env('MODEL_KEY') },
    body: JSON.stringify({
      ...{ model: 'shell', max_tokens: 1_000, system: `Primary working directory: ${folder}`, messages },
      tools: Object.keys(tools).map((name) => ({ name, input_schema: { type: 'object' } })),
    }),
  })
  const body = await response.json()
  if (!response.ok) {
    const { type, message } = body.error ?? {}
    finish({ outcome: 'failed', failure: classes[response.status] ?? 'agent', code: `${type} ${response.status}`, summary: message ?? '?' })
  }
  messages.push({ role: 'assistant', content: body.content })
  const calls = body.content.filter(({ type }) => type === 'tool_use')
  if (calls.length === 0) {
    const said = body.content.map(({ text = '' }) => text).join('')
    finish(said.startsWith('{') ? JSON.parse(said) : { outcome: 'completed', summary: said.slice(0, 4_000) })
  }
  const results = []
  for (const { id, name, input } of calls) results.push({ type: 'tool_result', tool_use_id: id, content: await tools[name](input) })
  messages.push({ role: 'user', content: results })
}
