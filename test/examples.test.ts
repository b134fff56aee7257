// The packed package in a fresh folder, as someone else would use it.

import { execFile, spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tasks } from '../src/cli/demo/tasks.ts'

const run = promisify(execFile)
const root = process.cwd()

let folder: string
let files: string[]
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-packed-'))
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root, maxBuffer: 16 * 1024 * 1024 })
  // The build of `prepack` writes to the same stream before it.
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as [{ filename: string; files: { path: string }[] }]
  files = packed.files.map(({ path }) => path)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', private: true }))
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', join(folder, packed.filename)], {
    cwd: folder,
  })
  for (const name of readdirSync(join(root, 'examples'))) copyFileSync(join(root, 'examples', name), join(folder, name))
}, 180_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('nothing but the built program is published', () => {
  const folders = new Set(files.map((path) => (path.includes('/') ? path.slice(0, path.indexOf('/')) : path)))
  const expected = ['bin', 'dist', 'inspector', 'schema', 'package.json', 'README.md', 'CHANGELOG.md', 'LICENSE']
  for (const name of folders) expect(expected).toContain(name)
  expect(folders).toContain('dist')
  expect(files.filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))).toEqual([])
})

test('the reminder is shown once, however often its process is killed and started again', async () => {
  const example = ['durable-actor.ts']
  const first = spawn(process.execPath, example, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => first.once('close', resolve))
  const said = await new Promise<string>((resolve) => first.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())))
  first.kill('SIGKILL')
  await ended
  expect(said).toContain('It is waiting')
  const second = await run(process.execPath, example, { cwd: folder })
  expect(second.stdout).toContain('Reminder: the tea is ready')
  const third = await run(process.execPath, example, { cwd: folder })
  expect(third.stdout).toBe('It is shown.\n')
})

test('the packed program runs the demo to its end', async () => {
  const program = join(folder, 'node_modules', 'signalbox', 'bin', 'signalbox.js')
  const { stdout } = await run(process.execPath, [program, 'demo', '--seed', '1', '--json', '--dir', join(folder, 'demo')], { cwd: folder })
  const { issues } = JSON.parse(stdout) as { issues: { phase: string }[] }
  expect(issues.filter(({ phase }) => phase !== 'done').map(({ phase }) => phase)).toEqual(['awaiting_input'])
  expect(issues).toHaveLength(tasks.length)
})
