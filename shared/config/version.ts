/** That of `package.json`, which a bundle does not hold; a test keeps them alike. */
export const version = '0.1.0'
