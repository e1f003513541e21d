import { XMLParser } from 'fast-xml-parser'
import { OssRefusal } from './refusal.ts'

/** @param list the element that may occur once or often. @throws MalformedXML */
export function parseXml(body: Buffer, list: string): unknown {
  // Other SDKs than ali-oss write quotes of ETags as numeric references, which the parser decodes only with htmlEntities.
  const options = {
    parseTagValue: false,
    trimValues: false,
    htmlEntities: true,
    isArray: (name: string) => name === list,
  }
  try {
    return new XMLParser(options).parse(body)
  } catch (error) {
    throw new OssRefusal(400, 'MalformedXML', `The XML you provided was not well-formed: ${String(error)}`)
  }
}
