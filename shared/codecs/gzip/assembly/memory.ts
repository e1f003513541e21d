/*
 * Where things lie in the memory of the program. The host puts packed bytes at `input` and takes unpacked ones behind the
 * window; a member that is under way is kept from call to call, so each stream has a program of its own.
 */

/** So many packed bytes are there at once: more than any header of a block, of which the longest has 286. */
export const inputBytes: i32 = 64 * 1024
/** RFC 1951: how far back a match may reach. */
export const windowBytes: usize = 32 * 1024
/** Large pieces, as each is a turn of whoever takes them; with the window they stay in the second cache of a core. */
export const outputBytes: usize = 256 * 1024
/** What one step may write: four literals and the longest match, by whole moves. */
export const stepBytes: usize = 300

/** Bits that one look at a table answers for: 10 cost least of 10, 11 and 12, as a table is made for each block. */
export const symbolBits: i32 = 10
export const distanceBits: i32 = 8

/** Code lengths of a block: 286 and 30 at most, or those of the fixed codes. */
export const lengths: usize = 1024
export const counts: usize = lengths + 320
export const places: usize = counts + 64
export const sorted: usize = places + 64
/** What symbols mean, before the length of their code is known. */
export const symbolMeanings: usize = sorted + 2 * 288
export const distanceMeanings: usize = symbolMeanings + 4 * 288
export const lengthMeanings: usize = distanceMeanings + 4 * 32
/**
 * Tables of the three codes. Behind those of symbols and distances lie the tables for longer codes: with them, 288 codes of
 * at most 15 bits need 1,334 entries and 32 need 402 (the program `enough` of zlib).
 */
export const lengthTable: usize = lengthMeanings + 4 * 19
export const symbolTable: usize = lengthTable + 4 * 128
export const distanceTable: usize = symbolTable + 4 * 1536
export const runs: usize = distanceTable + 4 * 512
/** For each distance below 16 what a move of 16 bytes repeats, and at place 0 by how many of them to go on. */
export const patterns: usize = runs + 8 * 1024
export const masks: usize = patterns + 256
/** Sixteen of 256 entries of four bytes. */
export const crcTables: usize = masks + 8 * 32
export const input: usize = crcTables + 16 * 1024
/** Behind the input is room for a look beyond its end. */
export const window: usize = input + 64 * 1024 + 64
export const output: usize = window + windowBytes
