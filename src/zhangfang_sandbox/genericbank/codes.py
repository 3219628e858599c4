"""The codes of this bank, all of them invented [G]. `ANSWER` codes are about a message, the others about a payment."""

OK = "0000"
FORMAT = "4001"
ACCOUNT = "4002"
OTHER_CONTENT = "4003"
NOT_FOUND = "4004"
OTHER_DAY = "4005"
MAINTENANCE = "5001"
BUSY = "5002"
MESSAGES = {
    OK: "",
    FORMAT: "a field is missing or wrong",
    ACCOUNT: "no such account of yours",
    OTHER_CONTENT: "this serial was used for another payment",
    NOT_FOUND: "no such payment",
    OTHER_DAY: "the serial is of another day; nothing was done",
    MAINTENANCE: "maintenance; nothing was done with this message",
    BUSY: "busy; nothing was done with this message",
}

WORKING = "P000"
DOUBTFUL = "W000"
PAID = "S000"
RETURNED = "B000"
BALANCE = "F101"
TYPE = "F201"
REFUSED = "F204"
REASONS = {
    WORKING: "",
    DOUBTFUL: "state not known; being looked into",
    PAID: "",
    RETURNED: "sent back by the payee's bank",
    BALANCE: "not enough money",
    TYPE: "the payee's type of account is not supported",
    REFUSED: "refused by the payee's bank",
}
STATES = {"P": "PENDING", "W": "PENDING", "S": "SUCCESS", "F": "FAILED", "B": "RETURNED"}
