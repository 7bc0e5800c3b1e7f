"""Days of a time zone in UTC."""

from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

#: Days later than this (as ordinals) are never reached: a time zone must not carry them out of range.
LAST_DAY = date.max.toordinal() - 2


@lru_cache(maxsize=65536)
def midnight_utc(day: int, tz: str) -> datetime:
    """Give the UTC instant at which a local day begins.

    Where the clock skips midnight, the day begins with the skip; where midnight comes twice,
    with the first.

    :param day: proleptic ordinal of the local day
    :param tz: name of a time zone
    :return: naive UTC datetime
    :raise zoneinfo.ZoneInfoNotFoundError: when the machine does not know the time zone
    """
    local = datetime.fromordinal(day)
    offset = ZoneInfo(tz).utcoffset(local)
    return local - offset if offset else local
