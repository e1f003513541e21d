/** A column as its database describes it. `type` is the full name the server prints: `numeric(20,4)`, `character varying(8)`. */
export interface Column {
  readonly name: string
  readonly type: string
  readonly nullable: boolean
}
