/** `oss://bucket/key` or `oss:///key` as the key in our bucket; a bare key stays what it is. */
export const bareKey = (text: string, bucket: string): string =>
  text.replace(`oss://${bucket}/`, '').replace(/^oss:\/\/\//, '')
