import type { ErrorCode } from './codes.ts'

/** Whose hands the fix is in. */
export type Blame = 'job' | 'source' | 'target' | 'platform' | 'us'

export interface Policy {
  /** `again`: the platform's retry may succeed. `never`: the same call fails the same way until somebody acts. */
  readonly retry: 'again' | 'never'
  readonly blame: Blame
  /** One sentence for the person who reads the error: the next step. */
  readonly advice: string
}

const never = (blame: Blame, advice: string): Policy => ({ retry: 'never', blame, advice })
const again = (blame: Blame, advice: string): Policy => ({ retry: 'again', blame, advice })

/** The one place that decides retry and advice. A `Record`, so that a new code does not compile undecided. */
export const policies: Record<ErrorCode, Policy> = {
  'usage/invalid': never(
    'job',
    'Correct what the message names; `adbpg-sync <verb> --help` and /openapi.json of the API say what is taken.',
  ),
  'job/syntax': never(
    'job',
    'Correct the JSON at the line and column shown; comments and trailing commas are allowed.',
  ),
  'job/invalid': never(
    'job',
    'Correct what the message names; where it names a path, that is the place in your script.',
  ),
  'job/unsupported': never('job', 'Remove the option or use the alternative the message names.'),
  'job/no-adbpg-end': never('job', 'Make AnalyticDB for PostgreSQL (adbpg) the reader or the writer of the job.'),
  'job/unknown-datasource': never(
    'job',
    'Register the datasource, or pass its definition with --datasources file.json.',
  ),
  'job/unknown-job': never(
    'job',
    'List the jobs with `adbpg-sync ls jobs`, or put the job document under jobs/ in the configuration bucket.',
  ),
  'job/literal-secret': never('job', 'Replace the secret by a reference: "env:NAME", "kms:NAME" or "vault:NAME".'),
  'job/name-taken': never(
    'job',
    'Add --replace to put this one in the place of the one that is there, or choose another name.',
  ),
  'job/unknown-parameter': never(
    'job',
    'Pass the parameter with --param name=value, or define it in the job document.',
  ),
  'job/secret-missing': never('job', 'Set the environment variable or vault entry that the reference names.'),
  'connect/unreachable': again('platform', 'Check host and port, the VPC of the function and its security group.'),
  'connect/refused-by-whitelist': never(
    'platform',
    'Add the vSwitch CIDR of the function to the whitelist of the instance.',
  ),
  'connect/wrong-credentials': never(
    'job',
    'Check user name and password of the datasource, or its access key, and the secrets that they refer to.',
  ),
  'connect/database-missing': never('job', 'Create the database, or correct the name of it in the datasource.'),
  'connect/secrets-unreachable': again(
    'platform',
    'Check ADBPG_SYNC_KMS_ENDPOINT of the function, and that its VPC has a way to KMS.',
  ),
  'connect/secrets-refused': never(
    'platform',
    'Let the role of the function read the secret: kms:GetSecretValue, and kms:Decrypt of its key (docs/datasources.md).',
  ),
  'connect/permission-denied': never(
    'job',
    'Grant the privilege that the message names to the user or role of the datasource.',
  ),
  'connect/too-many-connections': again('target', 'Lower `concurrent`, or raise the connection limit of the instance.'),
  'connect/no-slot': again(
    'target',
    'The work goes on by itself when a connection is free; maxConnections of the datasource says how many there may be.',
  ),
  'connect/lost': again('platform', 'The connection broke; the work is repeated by itself.'),
  'source/bucket-missing': never('source', 'Check the bucket name and region of the datasource.'),
  'source/object-missing': never('source', 'Upload the object again; it was deleted before it could be read.'),
  'source/object-changed': never(
    'source',
    'The object is another one than was planned, and nothing of it was loaded. What `adbpg-sync status <run>` counts as loaded stays in the table: take those rows out, or let the writer replace by key or load `atomic`, then run the job again.',
  ),
  'source/empty': never(
    'source',
    'The run succeeds with no rows. If there should have been some, look at what writes the source.',
  ),
  'source/no-objects': never('source', 'Check `object`: no key in the bucket matches it.'),
  'source/table-missing': never(
    'source',
    'Check schema and table name of the reader; names are case-sensitive once quoted.',
  ),
  'source/column-missing': never('source', 'Check `column` of the reader against the table.'),
  'source/unclosed-quote': never(
    'source',
    'Close the quoted field, or check the delimiter and quote settings of the reader.',
  ),
  'source/corrupt': never('source', 'Upload the file again; if it is damaged where it comes from, pack it anew.'),
  'source/inflates-too-much': never(
    'source',
    'Look at what the file holds; if it is meant, raise maxInflateRatio of the reader.',
  ),
  'source/undecodable': never('source', 'Check `encoding` of the reader, or save the file as UTF-8.'),
  'source/malformed': never(
    'source',
    'Correct the file at the place shown, or write it as JSON Lines, where one bad line spoils no other.',
  ),
  'source/sql-failed': never('source', 'Correct the SQL of the reader; the message of the server is attached.'),
  'source/unsplittable-deadline': never(
    'source',
    'Give the reader a splitPk, raise `concurrent`, or raise the timeout of the stage function (24 h at most).',
  ),
  'target/table-missing': never(
    'target',
    'Create the table, or correct `table` of the writer; names are case-sensitive once quoted.',
  ),
  'target/column-missing': never('target', 'Check `column` of the writer against the table.'),
  'target/column-count': never('job', 'Give reader and writer the same number of columns.'),
  'target/bucket-missing': never('target', 'Check the bucket name and region of the datasource.'),
  'target/object-exists': never('target', 'Choose another `object` prefix, or writeMode truncate or append.'),
  'target/unencodable': never('target', 'Write the objects in UTF-8 or GB18030, which have every character.'),
  'target/sql-failed': never('target', 'Correct the statement; the message of the server is attached.'),
  'target/read-only': again('target', 'The instance is being upgraded or failed over; the work is repeated by itself.'),
  'target/busy': again(
    'target',
    'Another transaction was in the way (deadlock or serialization); the work is repeated by itself.',
  ),
  'target/publication-refused': never(
    'target',
    'The table is as it was. Remove what is in the way, or set conflictMode, and `adbpg-sync retry <run>`; without atomic, refused records become dirty one by one.',
  ),
  'record/column-count': never('source', 'Correct the number of fields of the record.'),
  'record/encoding': never('source', 'Save the file as UTF-8, or set `encoding` of the reader.'),
  'record/nul-byte': never(
    'source',
    'Remove the NUL bytes, which PostgreSQL text cannot hold; if the file is UTF-16, set `encoding` of the reader.',
  ),
  'record/unclosed-quote': never('source', 'Close the quoted field.'),
  'record/format': never('source', 'Correct the value for the type of its column.'),
  'record/constraint': never('source', 'Correct the record, or the constraint of the table.'),
  'record/transform': never('source', 'Correct the value, or the step of the transformation that cannot take it.'),
  'record/too-large': never('source', 'Check for an unclosed quote, or raise maxRecordBytes of the reader.'),
  'record/limit-exceeded': never(
    'source',
    'Look at the records with `adbpg-sync dirty <run>`; correct them or raise errorLimit, and run the job again. It loads everything: take out first what `adbpg-sync status <run>` counts as loaded, or let the writer replace by key or load `atomic`.',
  ),
  'run/unknown': never('job', 'List the runs with `adbpg-sync status`.'),
  'run/not-ended': never(
    'job',
    'Wait until it has ended (`adbpg-sync status <run>`), or end it with `adbpg-sync stop <run>`.',
  ),
  'run/not-retryable': never('job', 'Start a new run: `adbpg-sync run <job>`, with the parameters of this one.'),
  'run/not-replayable': never('job', 'Correct the rows at the source, and start a new run: `adbpg-sync run <job>`.'),
  'run/retry-first': never(
    'job',
    'Correct the destination, then `adbpg-sync retry <run>` loads what was rolled back. A corrected source or a higher errorLimit takes a new run, which loads everything: take out first what `adbpg-sync status <run>` counts as loaded.',
  ),
  'run/counts-differ': never(
    'us',
    'Rows read, loaded, dirty and filtered do not add up; please report it with the run id.',
  ),
  'run/stopped': never('job', 'The run was stopped on request; `adbpg-sync retry <run>` goes on with what is left.'),
  'run/snapshot-lost': again('platform', 'The snapshot holder died; the export starts over by itself.'),
  'run/gave-up': never(
    'platform',
    'Mend what the last attempt says; `adbpg-sync retry <run>` goes on with what is left.',
  ),
  'run/overtime': never(
    'job',
    'Raise timeoutMinutes of the schedule, or `concurrent`; `adbpg-sync retry <run>` goes on with what is left.',
  ),
  'run/other-watermark': never(
    'job',
    'Say where to go on with `adbpg-sync watermark <job> --set <value>`, or begin again with --reset; or give the job another name.',
  ),
  'run/watermark-moved': never(
    'job',
    'Look at the marks with `adbpg-sync watermark <job>`; then start a new run, which reads on from the last.',
  ),
  'run/increment-taken': never('job', 'Wait until the run that the message names has ended, or stop it.'),
  'run/increment-half-loaded': never(
    'job',
    'Go on with the run that the message names: `adbpg-sync retry <run>`. Or remove its rows and say so: `adbpg-sync watermark <job> --set <value>`.',
  ),
  'run/notice-refused': never(
    'job',
    'Check webhook, secret and format of the notice; docs/notices.md says what each receiver expects.',
  ),
  'event/invalid': never('job', 'Send an event of the shape in events/.'),
  'event/too-large': never(
    'job',
    'Keep the event under 128 KB: put the job into the configuration bucket and send its name.',
  ),
  'event/no-job': never('job', 'No job has a trigger for this object; add one, or drop the object elsewhere.'),
  'platform/throttled': again('platform', 'Raise the concurrency quota, or lower `concurrent`.'),
  'platform/unavailable': again('platform', 'The service answered 5xx; the work is repeated by itself.'),
  'platform/function-missing': never('platform', 'Deploy the functions with `npm run deploy`.'),
  'platform/function-failed': again('platform', 'Look at the log of the function under the request id shown.'),
  'platform/deadline': again('platform', 'The function stopped before its time limit; the work is repeated by itself.'),
  'platform/misconfigured': never(
    'platform',
    'Set the environment variable that the message names; docs/deploy.md lists them all.',
  ),
  'platform/stack-busy': never(
    'platform',
    'One local stack uses a folder at a time: wait for the process shown, or end it; ADBPG_SYNC_HOME names another folder.',
  ),
  'internal/bug': again('us', 'This should not happen; please report it with the stack.'),
}
