"""The kit of pages: a visit, words in two languages, money, tables, sign-in. It knows no site."""
