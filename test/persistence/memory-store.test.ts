import { memoryStore } from '../../src/persistence/memory-store.ts'
import { storeContract } from './store-contract.ts'

storeContract('memory', () => ({ store: memoryStore() }))
