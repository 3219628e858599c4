"""respCode and its words."""

SUCCESS = "00"
UNKNOWN = ("03", "04", "05")
CLOSED = ("02", "39")
BUSY = "06"
FORMAT = "10"
SIGNATURE = "11"
DUPLICATE = "12"
MISSING = "13"
BATCH_FORMAT = "14"
MERCHANT = "31"
PERMISSION = "32"
NOT_FOUND = "34"
WRONG_STATE = "35"
MISMATCH = "36"
BATCH_LATER = "41"
ALREADY_RETURNED = "45"
ISSUER = "60"
ACCOUNT_TYPE = "62"
BALANCE = "64"
NO_FILE = "98"
# Invented: ACP has no code for a payout that came back after its success.
CAME_BACK = "B0"

MESSAGES = {
    SUCCESS: "成功",
    "02": "系统未开放或暂时关闭，请稍后再试",
    "03": "交易通讯超时，请发起查询交易",
    "04": "交易状态未明，请查询对账结果",
    "05": "交易已受理，请稍后查询交易结果",
    BUSY: "系统繁忙，请稍后再试",
    FORMAT: "报文格式错误",
    SIGNATURE: "验证签名失败",
    DUPLICATE: "重复交易",
    MISSING: "报文交易要素缺失",
    BATCH_FORMAT: "批量文件格式错误",
    MERCHANT: "商户状态不正确",
    PERMISSION: "无此交易权限",
    NOT_FOUND: "查无此交易",
    WRONG_STATE: "原交易不存在或状态不正确",
    MISMATCH: "与原交易信息不符",
    "39": "交易不在受理时间范围内",
    BATCH_LATER: "批量结果尚未生成，请稍后再查",
    ALREADY_RETURNED: "原交易已被成功退货或已被成功撤销",
    ISSUER: "交易失败，详情请咨询您的发卡行",
    ACCOUNT_TYPE: "发卡机构不支持该账户类型",
    BALANCE: "卡上的余额不足",
    NO_FILE: "文件不存在",
    CAME_BACK: "代付已退回",
}


class Refusal(Exception):
    """The bank refuses a message. `code` is the respCode; `detail` names the field and what is allowed."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


def words(code: str, detail: str = "") -> str:
    """respMsg, such as `成功[0000000]`."""
    return f"{MESSAGES[code]}{detail and ': '}{detail}[{code}00000]"
