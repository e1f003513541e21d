import { columnTexts, optionalText, texts } from './fields.ts'

/** What a reader of a database selects, where a name and its own quoting are not the point (dataworks-datax.md §3.3). */
export const selectFields = () => ({
  column: columnTexts().meta({
    description: '`["*"]`, or SQL expressions, which run with the rights of the datasource.',
    examples: [['id', 'upper(name)', "'${bizdate}'"]],
  }),
  where: optionalText().describe('SQL of a condition; runs with the rights of the datasource.'),
  querySql: texts()
    .refine((queries) => queries.length <= 1, 'one statement per job for now; make a job of each')
    .describe(
      'One statement, in the place of table, column, where and splitPk; runs with the rights of the datasource.',
    ),
})
