"""The cures of breaks: which there are, what two people have to say, what each books."""
