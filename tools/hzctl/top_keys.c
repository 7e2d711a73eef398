#include "top_keys.h"
#include "top_layout.h"

enum { PLAIN, ESCAPE, SEQUENCE, SHORT }; /* of hz_top_keys.state; SHORT: ESC O, one byte follows */

static enum hz_top_key plain_key(uint8_t byte)
{
	if (byte >= '1' && byte < '1' + HZ_TOP_VIEWS)
		return (enum hz_top_key)(HZ_TOP_KEY_VIEW + (byte - '1'));
	switch (byte) {
	case 'q':
	case 'Q':
	case 3: /* ^C */
	case 4: /* ^D */
		return HZ_TOP_KEY_QUIT;
	case '\t':
		return HZ_TOP_KEY_NEXT;
	case 's':
		return HZ_TOP_KEY_SORT;
	case 'r':
		return HZ_TOP_KEY_TURN;
	case 'p':
	case ' ':
		return HZ_TOP_KEY_PAUSE;
	case 26: /* ^Z */
		return HZ_TOP_KEY_SUSPEND;
	case 12: /* ^L */
		return HZ_TOP_KEY_REDRAW;
	case 'k':
		return HZ_TOP_KEY_UP;
	case 'j':
		return HZ_TOP_KEY_DOWN;
	default:
		return HZ_TOP_KEY_NONE;
	}
}

/* The last byte of ESC [ ... or ESC O (ECMA-48 5.4, and what xterm calls application keys). */
static enum hz_top_key sequence_key(uint8_t last, uint8_t number)
{
	switch (last) {
	case 'A':
		return HZ_TOP_KEY_UP;
	case 'B':
		return HZ_TOP_KEY_DOWN;
	case 'H':
		return HZ_TOP_KEY_HOME;
	case '~':
		return number == 5                  ? HZ_TOP_KEY_PAGE_UP
		       : number == 6                ? HZ_TOP_KEY_PAGE_DOWN
		       : number == 1 || number == 7 ? HZ_TOP_KEY_HOME
		                                    : HZ_TOP_KEY_NONE;
	default:
		return HZ_TOP_KEY_NONE;
	}
}

enum hz_top_key hz_top_keys_feed(struct hz_top_keys *keys, uint8_t byte)
{
	if (byte == 27) { /* begins anew, also within a sequence that never ended */
		*keys = (struct hz_top_keys){ .state = ESCAPE };
		return HZ_TOP_KEY_NONE;
	}
	switch (keys->state) {
	case ESCAPE:
		keys->state = byte == '[' ? SEQUENCE : byte == 'O' ? SHORT : PLAIN;
		/* ESC alone, then a key: the key counts */
		return keys->state == PLAIN ? plain_key(byte) : HZ_TOP_KEY_NONE;
	case SEQUENCE:
		if (byte >= '0' && byte <= '9')
			keys->number = (uint8_t)(keys->number * 10u + (byte - '0'));
		if (byte >= 0x20 && byte < 0x40)
			return HZ_TOP_KEY_NONE;
		break;
	case SHORT:
		break;
	default:
		return plain_key(byte);
	}
	keys->state = PLAIN;
	return sequence_key(byte, keys->number);
}
