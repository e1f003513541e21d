/*
 * Where things lie in the memory of the program. The host puts bytes at `input` and reads what a call left; nothing is kept
 * from call to call but what is exported.
 */

/** So many bytes are looked at in one call. */
export const inputBytes: i32 = 256 * 1024
/** Columns of a table of PostgreSQL, and room for the fields that stand between two of them. */
export const mostParts: i32 = 1664
/** Of all values that are no field of a file, together. */
export const constantBytes: i32 = 32 * 1024
/** Twice the input, as values may be added and fields repeated. */
export const outputBytes: i32 = 512 * 1024

/** What is behind a region is read and written by whole blocks, and not looked at. */
const spare: usize = 64

export const input: usize = 1024
/** Numbers of four bytes: as many as there may be newlines, or fields. */
export const ends: usize = 1024 + 256 * 1024 + 64
/** Three numbers each: first and last field, or -1 and where the value lies and how long it is. */
export const parts: usize = 1024 + 256 * 1024 + 64 + 4 * 256 * 1024 + 64
export const constants: usize = parts + 12 * 1664 + spare
export const output: usize = constants + 32 * 1024 + spare
/** Sixteen of 256 entries of eight bytes. */
export const tables: usize = output + 512 * 1024 + spare
/** Four numbers of four bytes, which the host puts there before a call and takes behind it. */
export const md5State: usize = tables + 16 * 256 * 8
