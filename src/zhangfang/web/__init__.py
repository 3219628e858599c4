"""What every site of server-rendered pages needs: requests, words in two languages, money, sign-in. It imports no site."""
