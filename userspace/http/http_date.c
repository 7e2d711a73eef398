#include "http/http_date.h"
#include "core/base.h"
#include <string.h>

#define S_PER_DAY       86400u
#define DAYS_TO_1970    719468u /* from 0000-03-01 */
#define DAYS_PER_ERA    146097u /* 400 years */
#define TWO_DIGIT_AHEAD 50u     /* RFC 9110 5.6.7: further ahead means the past */

static const char months[] = "MarAprMayJunJulAugSepOctNovDecJanFeb";

static void put_two(uint8_t *out, unsigned value)
{
	out[0] = (uint8_t)('0' + value / 10 % 10);
	out[1] = (uint8_t)('0' + value % 10);
}

/* A civil date by counting from March, so that the leap day is a year's last. */
struct civil {
	uint64_t year;
	unsigned month; /* 0: March */
	unsigned day;   /* 1.. */
};

static struct civil civil_of(uint64_t day)
{
	uint64_t from_march = day + DAYS_TO_1970;
	unsigned in_era = (unsigned)(from_march % DAYS_PER_ERA);
	unsigned year_of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	unsigned in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned month = (5 * in_year + 2) / 153;

	return (struct civil){
		.year = from_march / DAYS_PER_ERA * 400 + year_of_era + (month >= 10 ? 1 : 0),
		.month = month,
		.day = in_year - (153 * month + 2) / 5 + 1,
	};
}

void hz_http_date_write(uint8_t *out, uint64_t unix_s)
{
	static const char days[] = "ThuFriSatSunMonTueWed";
	uint64_t day = unix_s / S_PER_DAY;
	unsigned second = (unsigned)(unix_s % S_PER_DAY);
	struct civil civil = civil_of(day);

	memcpy(out, "Sun, 06 Nov 1994 08:49:37 GMT", HZ_HTTP_DATE_BYTES);
	memcpy(out, days + day % 7 * 3, 3);
	put_two(out + 5, civil.day);
	memcpy(out + 8, months + (size_t)civil.month * 3, 3);
	put_two(out + 12, (unsigned)(civil.year / 100 % 100));
	put_two(out + 14, (unsigned)(civil.year % 100));
	put_two(out + 17, second / 3600);
	put_two(out + 20, second / 60 % 60);
	put_two(out + 23, second % 60);
}

/* --- reading ----------------------------------------------------------------------------------------- */

struct fields {
	unsigned year;
	unsigned month; /* 0: March */
	unsigned day;
	unsigned second; /* of the day */
	bool is_two_digit;
};

static bool digit_take(uint8_t byte, unsigned *value)
{
	if (byte < '0' || byte > '9')
		return false;
	*value = *value * 10 + (unsigned)(byte - '0');
	return true;
}

static bool name_find(const char *names, const uint8_t *name, unsigned count, unsigned *index)
{
	for (unsigned i = 0; i < count; i++) {
		if (memcmp(names + (size_t)i * 3, name, 3) == 0) {
			*index = i;
			return true;
		}
	}
	return false;
}

/* Each form is a pattern. Y, D, H, I and Z stand for digits of year, day, hour, minute and second, mmm for
 * the month's name, d for the day's first digit or a space; every other byte stands for itself. p has as
 * many bytes as the pattern. */
static bool pattern_match(const char *pattern, const uint8_t *p, struct fields *out)
{
	unsigned hour = 0;
	unsigned minute = 0;
	unsigned second = 0;
	bool ok = true;

	*out = (struct fields){ 0 };
	for (; *pattern != '\0' && ok; pattern++, p++) {
		switch (*pattern) {
		case 'Y':
			ok = digit_take(*p, &out->year);
			break;
		case 'd':
			ok = *p == ' ' || digit_take(*p, &out->day);
			break;
		case 'D':
			ok = digit_take(*p, &out->day);
			break;
		case 'H':
			ok = digit_take(*p, &hour);
			break;
		case 'I':
			ok = digit_take(*p, &minute);
			break;
		case 'Z':
			ok = digit_take(*p, &second);
			break;
		case 'm':
			ok = name_find(months, p, 12, &out->month);
			pattern += 2;
			p += 2;
			break;
		default:
			ok = *p == (uint8_t)*pattern;
			break;
		}
	}
	out->second = hour * 3600 + minute * 60 + second;
	return ok && hour < 24 && minute < 60 && second <= 60;
}

/* "Sunday, " and the like; the length of it with its comma and space, 0: none. */
static size_t long_weekday(struct hz_span text)
{
	static const char *const names[] = { "Monday, ", "Tuesday, ",  "Wednesday, ", "Thursday, ",
		                             "Friday, ", "Saturday, ", "Sunday, " };

	for (size_t i = 0; i < HZ_ARRAY_LEN(names); i++) {
		size_t len = strlen(names[i]);

		if (text.len >= len && memcmp(text.data, names[i], len) == 0)
			return len;
	}
	return 0;
}

static bool short_weekday(const uint8_t *p)
{
	unsigned index;

	return name_find("MonTueWedThuFriSatSun", p, 7, &index);
}

#define RFC850_BYTES  22 /* "06-Nov-94 08:49:37 GMT" */
#define ASCTIME_BYTES 24 /* "Sun Nov  6 08:49:37 1994" */

static bool fields_read(struct hz_span text, struct fields *out)
{
	size_t weekday;

	if (text.len == HZ_HTTP_DATE_BYTES && short_weekday(text.data) &&
	    pattern_match(", DD mmm YYYY HH:II:ZZ GMT", text.data + 3, out))
		return true;
	if (text.len == ASCTIME_BYTES && short_weekday(text.data) &&
	    pattern_match(" mmm dD HH:II:ZZ YYYY", text.data + 3, out))
		return true;
	weekday = long_weekday(text);
	if (weekday == 0 || text.len - weekday != RFC850_BYTES ||
	    !pattern_match("DD-mmm-YY HH:II:ZZ GMT", text.data + weekday, out))
		return false;
	out->is_two_digit = true;
	return true;
}

static bool is_leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned month_days(unsigned year, unsigned month)
{
	static const uint8_t days[] = { 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 28 };

	return days[month] + (month == 11 && is_leap(year) ? 1u : 0u);
}

/* Of the years with these two digits, the latest within TWO_DIGIT_AHEAD years of now. */
static unsigned year_complete(unsigned two_digits, uint64_t now_s)
{
	unsigned year_max = (unsigned)civil_of(now_s / S_PER_DAY).year + TWO_DIGIT_AHEAD;
	unsigned year = year_max / 100 * 100 + two_digits;

	return year > year_max ? year - 100 : year;
}

bool hz_http_date_parse(struct hz_span text, uint64_t now_s, uint64_t *unix_s)
{
	struct fields f;
	uint64_t year;
	uint64_t day;

	if (!fields_read(text, &f))
		return false;
	if (f.is_two_digit)
		f.year = year_complete(f.year, now_s);
	if (f.year < 1970 || f.day == 0 || f.day > month_days(f.year, f.month))
		return false;
	year = f.year - (f.month >= 10 ? 1u : 0u); /* the one that began in March */
	day = year * 365 + year / 4 - year / 100 + year / 400 + (153 * f.month + 2) / 5 + f.day - 1;
	*unix_s = (day - DAYS_TO_1970) * S_PER_DAY + f.second;
	return true;
}
