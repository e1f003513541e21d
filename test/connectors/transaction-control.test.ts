import { expect, test } from 'vitest'
import { controlsTransaction } from '../../shared/connectors/sql/transaction-control.ts'

test.each([
  'rollback',
  'COMMIT;',
  ' begin ',
  'start  transaction',
  'abort',
  'END',
  'end work',
  "prepare transaction 'x'",
  'delete from t; commit',
  '/* why */ rollback',
  '-- why\nrollback work',
  "insert into t values (';'); commit and chain",
])('%j takes a transaction apart', (sql) => expect(controlsTransaction(sql)).toBe(true))

test.each([
  'delete from commits',
  "insert into t values ('a; commit')",
  'insert into "x; rollback" values (1)',
  '-- ; commit\ntruncate t',
  'select 1 /* ; rollback */',
  'do $$ begin perform 1; end $$',
  'do $body$ begin perform $$;commit$$; end $body$',
  'savepoint a; delete from t; rollback to savepoint a; release a',
  'rollback work to a',
  'create function f() returns int begin atomic; select 1; end',
  'vacuum',
  '',
])('%j does not', (sql) => expect(controlsTransaction(sql)).toBe(false))
