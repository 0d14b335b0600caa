export type Language = 'en' | 'ar';

export type TextName =
  | 'title'
  | 'filter'
  | 'symbol'
  | 'price'
  | 'change'
  | 'ratio'
  | 'range'
  | 'volume'
  | 'trades'
  | 'time'
  | 'connecting'
  | 'live'
  | 'waiting'
  | 'closed'
  | 'lost'
  | 'refused'
  | 'forbidden'
  | 'unstored'
  | 'tokenNeeded'
  | 'tokenWrong'
  | 'token'
  | 'watch'
  | 'forget'
  | 'lag'
  | 'rate'
  | 'symbols'
  | 'up'
  | 'down'
  | 'same'
  | 'missed'
  | 'empty'
  | 'nothingFits'
  | 'otherLanguage';

/** Every text of the page. Numbers are put in where `{0}` stands. */
const TEXTS: Readonly<Record<TextName, Readonly<Record<Language, string>>>> = {
  title: { en: 'Tickgate live prices', ar: 'تيك‌جيت: أسعار مباشرة' },
  filter: { en: 'Filter symbols', ar: 'تصفية الرموز' },
  symbol: { en: 'Symbol', ar: 'الرمز' },
  price: { en: 'Last', ar: 'آخر سعر' },
  change: { en: 'Change', ar: 'التغير' },
  ratio: { en: 'Change %', ar: 'التغير ٪' },
  range: { en: 'Day range', ar: 'مدى اليوم' },
  volume: { en: 'Volume', ar: 'الكمية' },
  trades: { en: 'Trades', ar: 'الصفقات' },
  time: { en: 'Time', ar: 'الوقت' },
  connecting: { en: 'Connecting…', ar: 'جارٍ الاتصال…' },
  live: { en: 'Live', ar: 'مباشر' },
  waiting: { en: 'Disconnected', ar: 'انقطع الاتصال' },
  closed: { en: 'Closed', ar: 'مغلق' },
  lost: {
    en: 'The connection is lost: these prices stand still since {0}. Connecting again by itself…',
    ar: 'انقطع الاتصال: الأسعار متوقفة منذ {0}. تجري إعادة الاتصال تلقائيًا…',
  },
  refused: {
    en: 'The gateway has ended the connection. Reload the page to connect again.',
    ar: 'أنهت البوابة الاتصال. أعد تحميل الصفحة للاتصال من جديد.',
  },
  forbidden: {
    en: 'This token may not watch prices. Ask for one with the role “live”.',
    ar: 'هذا الرمز السري لا يسمح بعرض الأسعار. اطلب رمزًا له الدور «live».',
  },
  unstored: {
    en: 'The store cannot be read now: changes and volumes begin with what comes live.',
    ar: 'لا يمكن قراءة المخزن الآن: التغيرات والكميات تبدأ مما يصل مباشرة.',
  },
  tokenNeeded: { en: 'This gateway needs a token.', ar: 'تتطلب هذه البوابة رمزًا سريًا.' },
  tokenWrong: { en: 'That token is not known. Try another.', ar: 'هذا الرمز السري غير معروف. جرّب غيره.' },
  token: { en: 'Token', ar: 'الرمز السري' },
  watch: { en: 'Watch', ar: 'عرض' },
  forget: { en: 'Forget token', ar: 'نسيان الرمز السري' },
  lag: { en: 'lag', ar: 'التأخر' },
  rate: { en: 'ticks/s', ar: 'صفقة/ث' },
  symbols: { en: 'symbols', ar: 'رمزًا' },
  up: { en: 'up', ar: 'صاعد' },
  down: { en: 'down', ar: 'هابط' },
  same: { en: 'unchanged', ar: 'بلا تغير' },
  missed: { en: 'ticks were missed on a slow connection', ar: 'فُقدت صفقات بسبب بطء الاتصال' },
  empty: { en: 'No ticks yet. They appear here as feeds send them.', ar: 'لا توجد صفقات بعد. ستظهر هنا فور وصولها.' },
  nothingFits: { en: 'No symbol fits the filter.', ar: 'لا يوجد رمز مطابق.' },
  otherLanguage: { en: 'العربية', ar: 'English' },
};

export function isTextName(name: string): name is TextName {
  return Object.hasOwn(TEXTS, name);
}

export function textOf(name: TextName, language: Language, ...values: readonly string[]): string {
  return TEXTS[name][language].replaceAll(/\{(\d)\}/g, (_, at: string) => values[Number(at)] ?? '');
}
