// A process that writes to the database it is given, with a checkpointer, until its stdin ends; then it says how many rows it has written.

import { setTimeout as pause } from 'node:timers/promises'
import { startCheckpointer } from '../../src/persistence/checkpointer.ts'
import { openDatabase } from '../../src/persistence/database.ts'

const path = process.argv[2]!
const database = openDatabase(path)
database.exec('CREATE TABLE written (body TEXT) STRICT')
const insert = database.prepare('INSERT INTO written VALUES (?)')
const checkpointer = startCheckpointer(path, (error) => {
  throw error
})

let isOver = false
process.stdin.resume().once('end', () => (isOver = true))
let count = 0
for (; !isOver; count += 1) {
  insert.run('x'.repeat(200_000))
  await pause(5)
}
await checkpointer.stop()
database.close()
console.log(count)
