#include "collector/metrics_doc.h"
#include "collector/prom_proto.h"
#include "collector/prom_text.h"

const struct hz_doc *hz_metrics_doc_get(struct hz_metrics *metrics, const struct hz_feed *feed,
                                        bool is_proto)
{
	struct hz_doc *doc = &metrics->form[is_proto].doc;

	if (metrics->form[is_proto].is_fresh && !doc->is_failed)
		return doc;
	hz_doc_text_clear(doc);
	metrics->form[is_proto].series =
		is_proto ? hz_prom_proto_write(feed, doc) : hz_prom_text_write(feed, doc);
	metrics->form[is_proto].is_fresh = true;
	if (metrics->form[is_proto].series == 0)
		doc->is_failed = true;
	return doc;
}

void hz_metrics_doc_expire(struct hz_metrics *metrics)
{
	metrics->form[0].is_fresh = metrics->form[1].is_fresh = false;
}

void hz_metrics_doc_close(struct hz_metrics *metrics)
{
	hz_doc_text_close(&metrics->form[0].doc);
	hz_doc_text_close(&metrics->form[1].doc);
}
