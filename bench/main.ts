// `npm run bench`: each target in a process of its own, one table, and `results.json` beside this file.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, platform, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { isReached, type Figure } from './measure.ts'

const targets = ['t1', 't2', 't3', 't4', 't5', 't6', 't8', 't9', 't10', 't12', 't13', 't14', 'demo']

const folder = mkdtempSync(join(process.env['SIGNALBOX_BENCH_DISK'] ?? tmpdir(), 'signalbox-bench-'))
const chosen = process.argv.slice(2)
const figures: Figure[] = []
const failures: string[] = []
try {
  for (const target of targets.filter((name) => chosen.length === 0 || chosen.includes(name))) {
    const file = fileURLToPath(new URL(`${target}.ts`, import.meta.url))
    if (!existsSync(file)) {
      failures.push(`${target}: not measured, bench/${target}.ts does not exist yet`)
      continue
    }
    process.stderr.write(`${target}…\n`)
    const { status, stdout } = spawnSync(process.execPath, ['--expose-gc', file], {
      // As the program itself runs: the types of a file are stripped once, not at each start.
      env: { ...process.env, SIGNALBOX_BENCH_FOLDER: folder, NODE_COMPILE_CACHE: join(folder, 'compiled') },
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
      maxBuffer: 16 * 1024 * 1024,
    })
    if (status === 0) figures.push(...(JSON.parse(stdout.trim().split('\n').at(-1)!) as Figure[]))
    else failures.push(`${target}: failed`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

const number = (value: number): string => value.toLocaleString('en', { maximumSignificantDigits: value >= 1_000 ? 4 : 3 })
const asked = ({ limit }: Figure): string => (!limit ? '' : 'least' in limit ? `≥ ${number(limit.least)}` : `≤ ${number(limit.most)}`)
const rows = figures.map((f) => [
  f.target,
  f.what,
  `${number(f.median)} ${f.unit}`,
  `${number(f.min)} – ${number(f.max)}`,
  asked(f),
  { true: 'yes', false: 'NO', undefined: '' }[String(isReached(f)) as 'true'],
])
const head = ['', 'what', 'median', 'min – max', 'asked', 'reached']
const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)))
const line = (cells: string[]): string => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |\n`
process.stdout.write(line(head) + line(widths.map((width) => '-'.repeat(width))) + rows.map(line).join(''))
for (const failure of failures) process.stdout.write(`${failure}\n`)

const sqlite = new Database(':memory:')
const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memory: totalmem(),
  system: `${platform()} ${release()}`,
  node: process.version,
  sqlite: (sqlite.prepare('SELECT sqlite_version() AS version').get() as { version: string }).version,
  load: loadavg(),
}
sqlite.close()
// A run of some targets only is for looking: the file holds one whole run.
if (chosen.length === 0) {
  const results = { at: new Date().toISOString(), machine, figures, failures }
  writeFileSync(new URL('results.json', import.meta.url), `${JSON.stringify(results, null, 2)}\n`)
}
process.exitCode = failures.length > 0 || figures.some((f) => isReached(f) === false) ? 1 : 0
