import { trackerContract } from '../contract.ts'
import { createBench } from './fixture.ts'

trackerContract('linear', async () => {
  const bench = await createBench()
  const { workspace } = bench
  const ann = workspace.as('alice')
  return {
    tracker: bench.tracker,
    project: 'app',
    async file(title, { blockedBy = [], parent } = {}) {
      const issue = ann.createIssue({ title, ...(parent === undefined ? {} : { parent }) })
      for (const blocker of blockedBy) ann.block(blocker, issue)
      ann.delegate(issue)
      await bench.told()
      return { id: issue.id, key: issue.identifier }
    },
    async remove(id) {
      ann.remove(id)
      await bench.told()
    },
    async comments(id) {
      const said = workspace.sessions(id).flatMap((session) => workspace.activities(session))
      return said.filter(({ ephemeral }) => !ephemeral).map(({ content }) => content.body!)
    },
    close: async () => {},
  }
})
