export function loadBundle(
  file: string,
  compiledDir: string,
): { readonly exports: Readonly<Record<string, (...given: unknown[]) => unknown>>; keep(): void }
