/** Node has it; the types of it come with those of browsers, which are not here. This is what we call of it. */
declare namespace WebAssembly {
  class Module {
    constructor(program: Uint8Array)
  }
  class Instance {
    constructor(module: Module)
    readonly exports: Readonly<Record<string, unknown>>
  }
}
