import { openFc2Invoker } from '../../shared/aliyun/invoker-fc2.ts'
import { openFc3Invoker } from '../../shared/aliyun/invoker-fc3.ts'
import { describeInvoker, testFunctionName } from '../contract/invoker.ts'
import { fcAccount, fcKeys, fcRegion } from '../support/fc.ts'

const addressOf = (endpoint: string, keys: { accessKeyId: string; accessKeySecret: string } = fcKeys) => ({
  endpoint,
  accountId: fcAccount,
  region: fcRegion,
  credentials: async () => keys,
  functionName: testFunctionName,
})

describeInvoker('@alicloud/fc2', (endpoint, keys) =>
  openFc2Invoker({ ...addressOf(endpoint, keys), serviceName: 'svc' }),
)
describeInvoker('@alicloud/fc20230330', (endpoint, keys) => openFc3Invoker(addressOf(endpoint, keys)))
