/**
 * Text between tags. A parser turns a bare carriage return into a line feed, so it goes as a reference; characters that XML
 * cannot hold at all are left to `encoding-type=url`, as on the cloud.
 */
export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\r', '&#13;')
}

export type XmlNode = string | number | boolean | undefined | XmlNode[] | { [name: string]: XmlNode }

/** `{a: [1, 2]}` gives `<a>1</a><a>2</a>`; an undefined member gives nothing. */
export function toXml(root: string, node: XmlNode): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(root, node)}`
}

function element(name: string, node: XmlNode): string {
  if (node === undefined) return ''
  if (Array.isArray(node)) return node.map((item) => element(name, item)).join('')
  if (typeof node !== 'object') return `<${name}>${escapeXml(String(node))}</${name}>`
  const inner = Object.entries(node).map(([child, value]) => element(child, value))
  return `<${name}>${inner.join('')}</${name}>`
}
