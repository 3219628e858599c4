"""What an answer says. Only the first two are public; the rest is a convention of this sandbox [G]."""

from zhangfang_sandbox.acquirer import acquiring

OK = "00000000"
SIGNATURE = "ES000025"
FORMAT = "PB520013"
TAKEN = "PB520012"
DIGITS = "PB520027"
NOT_FOUND = "PB520030"
PERMISSION = "PB520032"
CLOSED = "PB520039"
THROTTLE = "PS500037"
NO_AGREEMENT = "PB511001"
WRONG_CODE = "PB511002"
NO_CODE = "PB511003"
ENDED_BEFORE = "PB511004"
NO_FILE = "PB520098"

# TrxStatus
SUCCESS, FAILED, IN_PROCESS = "00", "01", "02"

# The codes for the reasons of failure that all acquiring banks share.
REASONS = {
    acquiring.BALANCE: "PB520051",
    acquiring.REFUSED: "RB600005",
    acquiring.WRONG_STATE: "PB520034",
    acquiring.RETURNED: "PB520036",
    acquiring.MISMATCH: "PB520036",
    acquiring.ACCOUNT_TYPE: "PB520010",
}

WORDS = {
    OK: "成功",
    SIGNATURE: "签名验证失败",
    FORMAT: "报文要素缺失或格式错误",
    TAKEN: "交易流水号已被其他交易使用",
    DIGITS: "控制位已停用",
    NOT_FOUND: "原交易不存在",
    PERMISSION: "机构无此交易权限",
    CLOSED: "系统维护，暂停受理",
    THROTTLE: "系统繁忙",
    NO_AGREEMENT: "协议不存在或已失效",
    WRONG_CODE: "短信验证码错误",
    NO_CODE: "短信验证码已失效",
    ENDED_BEFORE: "协议已解约",
    NO_FILE: "文件未生成",
    "PB520051": "余额不足",
    "RB600005": "付款行拒绝交易",
    "PB520034": "原交易状态不允许退款",
    "PB520036": "退款金额超过可退金额",
    "PB520010": "不支持该账户类型",
}


class Refusal(Exception):
    """The network refuses a message: `code` is the SysRtnCd, `detail` names the element."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail
