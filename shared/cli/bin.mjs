#!/usr/bin/env node
console.log('ok', process.argv.slice(2))
